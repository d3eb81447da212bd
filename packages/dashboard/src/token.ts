/**
 * The token that the page was opened with: that of the link, which moves from the address bar into the tab's storage, where
 * a reload finds it.
 * @param key where it is kept
 */
export function takeToken(key: string): string | undefined {
  const token = tokenIn(location.href);
  if (token !== undefined) {
    rememberToken(key, token);
    history.replaceState(null, '', location.pathname);
  }
  return token ?? sessionStorage.getItem(key) ?? undefined;
}

/** The token in the fragment of a link. */
export function tokenIn(link: string): string | undefined {
  const [, fragment = ''] = link.split('#', 2);
  return new URLSearchParams(fragment).get('token') || undefined;
}

export function rememberToken(key: string, token: string): void {
  sessionStorage.setItem(key, token);
}

export function forgetToken(key: string): void {
  sessionStorage.removeItem(key);
}
