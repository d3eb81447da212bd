const KEY = 'gantry.token';

/**
 * The token to watch and control: that of the link, which moves from the address bar into the tab's storage, where a
 * reload finds it.
 */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token) {
    rememberToken(token);
    history.replaceState(null, '', location.pathname);
  }
  return token ?? sessionStorage.getItem(KEY) ?? undefined;
}

export function rememberToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
