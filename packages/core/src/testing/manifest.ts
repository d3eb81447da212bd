import type { MessageOf } from '../protocol/messages.ts';

type WireManifest = MessageOf<'welcome'>['manifest'];

/**
 * A manifest as a welcome carries it, fresh at each call: two networks of 8 and 3 parameters, the first with moving statistics;
 * a step is three rounds of `critic`, then one of `generator`.
 */
export function wireManifest(): WireManifest {
  const zero = { kind: 'constant', value: 0 } as const;
  const inputs = (): WireManifest['phases'][number]['inputs'] => [
    { from: 'data', name: 'images', shape: [2, 2] },
    { from: 'normal', name: 'noise', shape: [3], streams: [2] },
    { from: 'uniform', name: 'mix', shape: [1], streams: [9] },
    { from: 'keepMask', name: 'discriminator/dropout/mask', shape: [2], rate: 0.25, streams: [3, 4] },
  ];
  return {
    model: 'small',
    trainable: [
      { name: 'generator/dense/kernel', shape: [3, 2], initializer: { kind: 'uniform', center: 0, limit: 0.5 } },
      {
        name: 'generator/bn/gamma',
        shape: [2],
        initializer: { kind: 'normal', mean: 1, deviation: 0.1, truncated: true },
      },
      { name: 'discriminator/dense/kernel', shape: [2, 1], initializer: { ...zero } },
      { name: 'discriminator/dense/bias', shape: [1], initializer: { ...zero } },
    ],
    movingStatistics: [
      { name: 'generator/bn/moving_mean', shape: [2], initializer: { ...zero }, momentum: 0.9 },
      { name: 'generator/bn/moving_variance', shape: [2], initializer: { ...zero, value: 1 }, momentum: 0.9 },
    ],
    phases: [
      {
        name: 'critic',
        times: 3,
        updates: ['discriminator'],
        inputs: inputs(),
        sums: ['discriminatorLoss', 'distance'],
      },
      { name: 'generator', times: 1, updates: ['generator'], inputs: inputs(), sums: ['generatorLoss'] },
    ],
  };
}
