import { useId } from 'react';
import { percent } from '../format.ts';

/** Which part of the pictures is of which class, as bars: where all are alike, they are half as high as there is room. */
export function ClassShares({ shares }: { shares: readonly number[] }) {
  const id = useId();
  const largest = Math.max(2 / shares.length, ...shares);
  return (
    <>
      <h3 id={id}>Pictures of each class</h3>
      <ul className="class-shares" aria-labelledby={id} style={{ '--largest-share': largest }}>
        {shares.map((share, i) => (
          <li key={i} style={{ '--share': share }}>
            <span className="class">
              <span className="hidden">class </span>
              {i}
            </span>{' '}
            <span className="part">{percent(share)}</span>
            <span className="bar" />
          </li>
        ))}
      </ul>
    </>
  );
}
