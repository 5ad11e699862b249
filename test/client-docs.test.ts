// docs/client.md and the SDK, made to agree: every name and sentence in it, and every example.

import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { messages } from '../src/client/errors';
import { audioEncodingFor, videoBitrateFor } from '../src/client/sdp';
import { errors } from '../src/errors';
import { table as tableIn } from './documents';

const document = readFileSync('docs/client.md', 'utf8');
const CLIENT = resolve('src/client/index.ts');
const REACT = resolve('src/react/index.ts');

/** What the page of an example brings: its elements, who is where, and functions of its own. */
const PAGE = `
  declare const server: string, meetingId: string, userId: string, username: string;
  declare const joinButton: HTMLButtonElement, muteButton: HTMLButtonElement, leaveButton: HTMLButtonElement;
  declare const soundButton: HTMLButtonElement, sendButton: HTMLButtonElement, names: HTMLElement;
  declare const meter: HTMLMeterElement, file: File, microphone: MediaStream;
  declare function videoOf(userId: string): HTMLVideoElement;
  declare function fillChoices(microphones: MediaDeviceInfo[], speakers: MediaDeviceInfo[]): void;
  declare function showNotice(sentence: string): void;
  declare function showState(state: import('back-call/client').CallState): void;
  declare function showSpeakers(participants: import('back-call/client').Participant[]): void;
  declare function showWaitingRoom(): void;
  declare function play(peerId: string, stream: MediaStream): void;
  declare function stop(peerId: string): void;
  declare function received(file: unknown): void;
  declare function shallowRef<T>(value: T): { value: T };
  declare function onUnmounted(end: () => void): void;
  declare const call: import('back-call/client').Call;
  declare const BackCall: typeof import('back-call/client');
`;

// ---- The document ------------------------------------------------------------------------------------------------

const table = (heading: string) => tableIn(document, heading);

/** The name that each row of the table is about. */
const names = (heading: string) => table(heading).map(([cell = '']) => /^`([\w-]+)/.exec(cell)?.[1]);

const FENCED = /^```(\w+)\n([\s\S]*?)^```$/gm;

/** Every example as a file, with each line where it is in the document. */
function examples(): Map<string, string> {
  const files = new Map<string, string>();
  for (const { index, 1: language = '', 2: text = '' } of document.matchAll(FENCED)) {
    const line = document.slice(0, index).split('\n').length;
    const code = language === 'html' ? text.replace(/^[\s\S]*<script>|<\/script>[\s\S]*$/g, blank) : text;
    files.set(resolve(`docs/client-${line}.${language === 'html' ? 'js' : language}`), '\n'.repeat(line) + code);
  }
  return files;
}

const blank = (text: string) => text.replace(/[^\n]/g, ' ');

// ---- The code ----------------------------------------------------------------------------------------------------

const page = resolve('docs/page.d.ts');
const files = examples().set(page, PAGE);
const isTypeScript = (path: string) => /\.tsx?$/.test(path);

/** Our own strictness for TypeScript; for JavaScript only what is wrong in any page, such as a name that does not exist. */
function compile(language: 'ts' | 'js'): ts.Program {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile.bind(ts.sys)) as {
    config: { compilerOptions: object };
  };
  const options: ts.CompilerOptions = {
    ...ts.convertCompilerOptionsFromJson(config.compilerOptions, '.').options,
    ...(language === 'js' && { allowJs: true, checkJs: true, strict: false }),
    noUnusedLocals: false,
    // The page is one: what it says must be right, too.
    skipLibCheck: false,
    moduleDetection: ts.ModuleDetectionKind.Force,
    paths: { 'back-call/client': [CLIENT], 'back-call/react': [REACT] },
  };
  const host = ts.createCompilerHost(options);
  const disk = { ...host };
  host.fileExists = (path) => files.has(path) || disk.fileExists(path);
  host.readFile = (path) => files.get(path) ?? disk.readFile(path);
  const written = [...files.keys()].filter((path) => path === page || isTypeScript(path) === (language === 'ts'));
  return ts.createProgram([CLIENT, REACT, ...written], options, host);
}

const programs = { ts: compile('ts'), js: compile('js') };
const checker = programs.ts.getTypeChecker();

/** What a module exports. */
function exportsOf(path: string): Map<string, ts.Symbol> {
  const source = programs.ts.getSourceFile(path);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`${path} is no module`);
  const own = (it: ts.Symbol) => (it.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(it) : it);
  return new Map(checker.getExportsOfModule(symbol).map((it) => [it.name, own(it)]));
}

function typeOf(name: string, path = CLIENT): ts.Type {
  const symbol = exportsOf(path).get(name);
  if (!symbol) throw new Error(`${path} exports no ${name}`);
  return checker.getDeclaredTypeOfSymbol(symbol);
}

/** The public members of an interface or class, by kind of declaration if one is given. */
const membersOf = (type: ts.Type, isOfKind: (node: ts.Node) => boolean = () => true) =>
  checker
    .getPropertiesOfType(type)
    .filter(({ name, valueDeclaration }) => !name.startsWith('#') && valueDeclaration && isOfKind(valueDeclaration))
    .map(({ name }) => name);

/** The names of what each listener is given. */
const listenersOf = (type: ts.Type) =>
  checker.getPropertiesOfType(type).map((event): [event: string, parameters: string[]] => {
    const [signature] = checker.getTypeOfSymbol(event).getCallSignatures();
    return [event.name, signature?.parameters.map(({ name }) => name) ?? []];
  });

const sorted = (names: Iterable<string | undefined>) => [...names].sort();

describe('docs/client.md', () => {
  it('lists every error with its sentence', () => {
    const inCode = Object.entries(messages).map(([code, message]) => [`\`${code}\``, message]);
    expect(table("From the browser's side").map((cells) => cells.slice(0, 2))).toEqual(inCode);
    const refusals = new Map(Object.entries(errors).map(([code, { message }]) => [`\`${code}\``, message]));
    for (const [code = '', sentence] of table('From the server'))
      expect([code, sentence]).toEqual([code, refusals.get(code)]);
  });

  it('lists every event with its arguments', () => {
    const inDocument = table('Events').map(([, cell = '']) => cell.match(/\w+/g) ?? []);
    const inCode = listenersOf(typeOf('CallEvents'));
    const listed = names('Events').map((name, row) => [name, inDocument[row]]);
    expect(listed.sort()).toEqual(inCode.sort());
  });

  it('lists every state', () => {
    const { types } = typeOf('CallState') as ts.UnionType;
    expect(sorted(names('States'))).toEqual(sorted(types.map((type) => (type as ts.StringLiteralType).value)));
  });

  it('lists every method of a call, and names what else it has', () => {
    expect(sorted(names('Methods'))).toEqual(sorted(membersOf(typeOf('Call'), ts.isMethodDeclaration)));
    for (const name of membersOf(typeOf('Call'), ts.isAccessor)) expect(document).toContain(`\`call.${name}\``);
  });

  it.each([
    ['Options', 'CallOptions'],
    ['Snapshot', 'Snapshot'],
    ['Participant', 'Participant'],
    ['Self', 'Self'],
    ['Device', 'Device'],
    ['Quality', 'Quality'],
  ])('lists under %s what %s has', (heading, name) => {
    expect(names(heading)).toEqual(membersOf(typeOf(name)));
  });

  it('lists what the hook takes and gives', () => {
    expect(sorted(names('React'))).toEqual(sorted(membersOf(typeOf('VoiceCall', REACT))));
    const known = membersOf(typeOf('CallOptions'));
    const own = membersOf(typeOf('VoiceCallOptions', REACT)).filter((name) => !known.includes(name));
    for (const name of own) expect(document).toContain(`\`${name}\``);
  });

  it('names everything that can be imported', () => {
    const words = document.replace(FENCED, '').match(/`[^`]+`/g) ?? [];
    const named = new Set(words.join(' ').match(/\w+/g));
    const exported = [...exportsOf(CLIENT).keys(), ...exportsOf(REACT).keys()];
    expect(exported.filter((name) => !named.has(name))).toEqual([]);
  });

  it('tells the bitrates that are set', () => {
    for (const [count, ...cells] of table('What a mesh costs').map((cells) => cells.map(Number))) {
      if (count === undefined) throw new Error('an empty row');
      const others = count - 1;
      const [audio, video] = [audioEncodingFor(count).maxBitrate, videoBitrateFor(count)];
      const bitrates = [audio, audio * others, video, video * others];
      expect([count, ...cells]).toEqual([count, ...bitrates.map((bitrate) => Math.round(bitrate / 1000))]);
    }
  });

  for (const path of files.keys())
    it(`has examples that compile: ${basename(path)}`, () => {
      const program = programs[isTypeScript(path) ? 'ts' : 'js'];
      const source = program.getSourceFile(path);
      if (!source) throw new Error('nobody compiles this language');
      const problems = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      const told = problems.map(({ start = 0, messageText }) => {
        const { line } = source.getLineAndCharacterOfPosition(start);
        return `line ${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      });
      expect(told).toEqual([]);
    });
});
