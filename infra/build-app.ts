import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { messageOf, UserError } from '../shared/core/errors.ts';
import { projectRoot } from './constructs/images.ts';
import { offerKey, parseOffer, withinOffer } from './region.ts';
import { ServiceStack } from './service-stack.ts';
import { contextKey, parseSettings } from './settings.ts';

const documentPaths = {
  run: 'shared/pipeline/pipeline.asl.json',
  compare: 'shared/pipeline/compare.asl.json',
} as const;

interface AppOptions {
  /** Goes before cdk.json's context, as `-c` does. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly outdir: string;
  /** In place of the project's workflow documents, and its settings for CDK. */
  readonly documents?: Readonly<Partial<Record<keyof typeof documentPaths, string>>>;
  readonly cdkJson?: string;
  /** Told what the region has, and what of the settings it has not. */
  readonly tell?: (note: string) => void;
}

/**
 * The app with its one stack and cdk-nag's checks. cdk.json is read here, so that the app is the same with the CDK's command
 * line, which has read it too, and without.
 * @throws UserError for settings with problems, or that the region can't meet.
 */
export function buildApp({ context, outdir, documents = {}, cdkJson, tell = () => {} }: AppOptions): {
  app: App;
  stack: ServiceStack;
} {
  const ofProject = contextIn(cdkJson ?? readFileSync(join(projectRoot, 'cdk.json'), 'utf8'));
  const app = new App({ outdir, context: { ...ofProject, ...context }, analyticsReporting: false });
  const read = (of: keyof typeof documentPaths) => {
    const path = documentPaths[of];
    return { path, text: documents[of] ?? readFileSync(join(projectRoot, path), 'utf8') };
  };
  const asked = parseSettings(app.node.tryGetContext(contextKey));
  const { settings, zones, notes } = withinOffer(asked, parseOffer(app.node.tryGetContext(offerKey)));
  for (const note of notes) tell(note);
  const stack = new ServiceStack(app, {
    settings,
    zones,
    documents: { run: read('run'), compare: read('compare') },
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { app, stack };
}

function contextIn(cdkJson: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(cdkJson) as { context: Record<string, unknown> }).context;
  } catch (cause) {
    throw new UserError(`is not JSON (${messageOf(cause)})`, {
      where: 'cdk.json',
      remedy: 'JSON has no comments, and no comma after the last of a list.',
      cause,
    });
  }
}
