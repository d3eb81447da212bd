import { StrictMode, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { restoreTheme } from './theme.ts';
import './styles/index.css';

/** Shows a page in the document. */
export function mount(page: ReactNode): void {
  const root = document.getElementById('root');
  if (!root) throw new Error('the document has no #root');
  restoreTheme();
  createRoot(root).render(<StrictMode>{page}</StrictMode>);
}
