import { useId, type ReactNode } from 'react';

/** A titled part of the page. */
export function Panel({
  title,
  area,
  aside,
  children,
}: {
  title: string;
  /** Its place in the page's grid. */
  area: string;
  /** Controls beside the title. */
  aside?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section className={`panel ${area}`} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
