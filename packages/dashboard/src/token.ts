const KEY = 'gantry.token';

/**
 * The token to watch and control: that of the link, which moves from the address bar into the tab's storage, where a
 * reload finds it.
 */
export function takeToken(): string | undefined {
  const token = tokenIn(location.href);
  if (token !== undefined) {
    rememberToken(token);
    history.replaceState(null, '', location.pathname);
  }
  return token ?? sessionStorage.getItem(KEY) ?? undefined;
}

/** The token in the fragment of a link. */
export function tokenIn(link: string): string | undefined {
  const [, fragment = ''] = link.split('#', 2);
  return new URLSearchParams(fragment).get('token') || undefined;
}

export function rememberToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
