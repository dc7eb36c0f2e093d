import { compareInCloudCommand } from './compare.ts';
import { deployCommand } from './deploy.ts';
import { doctorCommand } from './doctor.ts';
import { fetchCommand } from './fetch.ts';
import { logsCommand } from './logs.ts';
import { resumeCommand } from './resume.ts';
import { statusCommand } from './status.ts';
import { stopCommand } from './stop.ts';
import { submitCommand } from './submit.ts';
import { synthCommand } from './synth.ts';
import { watchCommand } from './watch.ts';

/** `tempbalance cloud ...`, in the order of the help. */
export const cloudCommands = [
  deployCommand,
  synthCommand,
  doctorCommand,
  submitCommand,
  compareInCloudCommand,
  statusCommand,
  watchCommand,
  logsCommand,
  stopCommand,
  resumeCommand,
  fetchCommand,
];
