import { useEffect, useState } from 'react';

const KEY = 'gantry.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Switches between light and dark; the system's choice holds until then. */
export function ThemeButton() {
  const [theme, setTheme] = useState(() => localStorage.getItem(KEY) ?? (dark.matches ? 'dark' : 'light'));
  const other = theme === 'dark' ? 'light' : 'dark';
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  return (
    <button
      type="button"
      className="theme"
      onClick={() => {
        localStorage.setItem(KEY, other);
        setTheme(other);
      }}
    >
      {other === 'dark' ? 'Dark' : 'Light'}
    </button>
  );
}
