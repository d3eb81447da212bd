import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { restoreTheme } from '../theme.ts';
import '../styles/index.css';
import { JoinPage } from './join-page.tsx';

const root = document.getElementById('root');
if (!root) throw new Error('join.html has no #root');
restoreTheme();
createRoot(root).render(
  <StrictMode>
    <JoinPage />
  </StrictMode>,
);
