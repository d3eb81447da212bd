import { distanceOf, type EpochEvaluation } from '@gantry/core';
import { memo } from 'react';
import { bestOf, distanceName } from '../evaluations.ts';
import { short, whole } from '../format.ts';
import { ClassShares } from './class-shares.tsx';
import { Panel } from './panel.tsx';

/** How good the pictures of the last evaluated epoch are, and which epoch had the best; nothing before the first. */
export const Quality = memo(function Quality({ evaluations }: { evaluations: readonly EpochEvaluation[] }) {
  const last = evaluations.at(-1);
  if (!last) return null;
  const best = bestOf(evaluations);
  const { epoch, samples, score, classEntropy, classShares, labelAgreement } = last;
  const isBest = best?.epoch === epoch;
  return (
    <Panel
      title="Quality"
      area="quality"
      aside={<span className="hint">{`after epoch ${whole(epoch)}${isBest ? ', the best so far' : ''}`}</span>}
    >
      <dl className="measures">
        <Measure name={distanceName(last)} value={short(distanceOf(last))} />
        {score !== undefined && (
          <Measure name="score" value={short(score)} beside={`/ ${classShares?.length ?? '–'}`} />
        )}
        {classEntropy !== undefined && <Measure name="class entropy" value={short(classEntropy)} beside="/ 1" />}
        {labelAgreement !== undefined && <Measure name="label agreement" value={short(labelAgreement)} beside="/ 1" />}
        <Measure
          name="best epoch"
          value={best ? whole(best.epoch) : '–'}
          {...(best && { beside: `with ${short(distanceOf(best))}` })}
        />
      </dl>
      {classShares && <ClassShares shares={classShares} />}
      <p className="hint">{whatIsGood(samples, score !== undefined)}</p>
    </Panel>
  );
});

function Measure({ name, value, beside }: { name: string; value: string; beside?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {beside !== undefined && <span className="beside"> {beside}</span>}
      </dd>
    </div>
  );
}

function whatIsGood(samples: number, hasScore: boolean): string {
  const compared = `${whole(samples)} pictures were compared with real ones`;
  return hasScore
    ? `${compared}: a small distance is good, and so are a high score and entropy.`
    : `${compared}, by small patches: a small distance is good.`;
}
