// The TypeScript compiler for programs in memory.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "in-memory");

const common = {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  types: [],
};

/** The parsed libraries, which are the same for every program. */
const parsed = new Map();

/**
 * Compiles `files` (texts by name) and returns each diagnostic as `{ code, file, line, message }`. Mistakes in
 * declarations (`.d.ts`) are reported only with `checkDeclarations`, which takes a while.
 */
export function compile(files, { checkDeclarations = false } = {}) {
  const options = { ...common, skipLibCheck: !checkDeclarations };
  const texts = new Map(Object.entries(files).map(([name, text]) => [join(root, name), text]));
  const host = ts.createCompilerHost(options);
  const fromDisk = host.getSourceFile.bind(host);
  host.directoryExists = (name) => name === root || ts.sys.directoryExists(name);
  host.fileExists = (name) => texts.has(name) || ts.sys.fileExists(name);
  host.readFile = (name) => texts.get(name) ?? ts.sys.readFile(name);
  host.getSourceFile = (name, version) => {
    if (texts.has(name)) {
      return ts.createSourceFile(name, texts.get(name), version, true);
    }
    if (!parsed.has(name)) {
      parsed.set(name, fromDisk(name, version));
    }
    return parsed.get(name);
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => ({
    code: diagnostic.code,
    file: diagnostic.file?.fileName.slice(root.length + 1),
    line: diagnostic.file && diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start).line,
    message: ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"),
  }));
}
