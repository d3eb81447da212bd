export * from '@gantry/cli';
