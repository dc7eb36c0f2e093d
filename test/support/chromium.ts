import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A Chromium of this machine; undefined: there is none, and tests that need one are skipped. */
export const chromiumPath = [process.env.TEMPBALANCE_CHROMIUM ?? '', ...usual].find((path) => path && existsSync(path));

/** Starts it without a window. */
export const startChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath!,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
