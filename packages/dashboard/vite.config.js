import { defineConfig } from 'vite';

export default defineConfig({
  // Small pictures, too, stay files: the page's policy allows no inline content.
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: { input: ['index.html', 'join.html'] },
  },
  worker: { format: 'es' },
  clearScreen: false,
  logLevel: 'warn',
});
