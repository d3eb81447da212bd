import { chooseTheme, useTheme } from '../theme.ts';

/** Switches between light and dark. */
export function ThemeButton() {
  const other = useTheme() === 'dark' ? 'light' : 'dark';
  const name = `${other === 'dark' ? 'Dark' : 'Light'} theme`;
  return (
    <button type="button" className="icon" aria-label={name} title={name} onClick={() => chooseTheme(other)}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.25" />
        <path d="M8 1.75a6.25 6.25 0 0 1 0 12.5z" />
      </svg>
    </button>
  );
}
