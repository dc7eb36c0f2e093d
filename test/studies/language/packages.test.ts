import { expect, it } from 'vitest';
import { parsePackages } from '../../../studies/language/packages.ts';

const dump = `Package: zsh
Version: 5.9
Depends: libc6, Section: nothing
Description: shell with lots of features
Description-md5: 1234
Section: shells

Package: game-data
Source: game (1.0-2)
Description-en: data of a game
 that is long
Section: contrib/games

Package: game-data-too
Source: game
Description: data of a game
Section: doc

Package: nameless-section
Description: has no section

Package: undescribed
Section: doc
`;

it('packages are documents: a text, a section without its area, a source; each text once', () => {
  expect(parsePackages(dump)).toEqual([
    { text: 'data of a game', label: 'games', source: 'game' },
    { text: 'shell with lots of features', label: 'shells', source: 'zsh' },
  ]);
});

it('what is no list has no documents', () => {
  expect(parsePackages('')).toEqual([]);
  expect(parsePackages('E: nothing\n\n\n')).toEqual([]);
});
