import 'react';

declare module 'react' {
  interface CSSProperties {
    /** Part of the whole, 0 … 1. */
    '--share'?: number;
    '--largest-share'?: number;
  }
}
