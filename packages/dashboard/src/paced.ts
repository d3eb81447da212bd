import { useEffect, useState } from 'react';

/**
 * The value as it was at most some milliseconds ago: figures that change four times a second cannot be read, and a hundred
 * rows of them take most of a frame.
 * @param urgent when it changes, the value is the newest at once
 */
export function usePaced<T>(value: T, urgent: string, ms: number): T {
  const [shown, setShown] = useState({ value, urgent, at: performance.now() });
  useEffect(() => {
    if (value === shown.value) return;
    const waitMs = urgent === shown.urgent ? shown.at + ms - performance.now() : 0;
    const timer = setTimeout(() => setShown({ value, urgent, at: performance.now() }), waitMs);
    return () => clearTimeout(timer);
  }, [value, urgent, ms, shown]);
  return shown.value;
}
