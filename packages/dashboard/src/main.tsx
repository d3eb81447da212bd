import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Page } from './page.tsx';
import { restoreTheme } from './theme.ts';
import './styles/index.css';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
restoreTheme();
createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
