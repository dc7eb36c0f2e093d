/** More runs of a comparison than these are not done at a time. */
export const mostParallel = 1000;
