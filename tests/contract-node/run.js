// Runs the programs of other languages.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** The output of a program, which must succeed. */
export function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error) {
    throw error;
  }
  if (status !== 0) {
    throw new Error(`${program} ${args.slice(0, 4).join(" ")} … failed:\n${(stdout + stderr).slice(0, 8000)}`);
  }
  return stdout;
}

/** The path of a file next to the tests. */
export const beside = (...names) => join(here, ...names);

/** Runs Python with the packages of `requirements.txt`. */
export function python(args, options) {
  const program = process.env.CONTRACT_PYTHON;
  if (!program) {
    throw new Error("CONTRACT_PYTHON is not set: run `cargo test -p dialogue-tests --test contract -- --ignored`");
  }
  return run(program, args, options);
}

/** Has Python read values as types of a generated module, and returns what it writes for each. */
export function throughPython(folder, kind, values) {
  const input = JSON.stringify(values);
  return JSON.parse(python(["-W", "ignore", beside("python", "read.py"), kind], { cwd: folder, input }));
}

const JARS = ["annotations", "core", "databind"].map((name) => `/usr/share/java/jackson-${name}.jar`);

/**
 * Compiles the Java classes of the package `generated` in `folder`, has them read and write values, and returns the
 * values that they write.
 */
export function throughJava(folder, values) {
  const missing = JARS.filter((jar) => !existsSync(jar));
  if (missing.length > 0) {
    throw new Error(`Jackson is missing (${missing}): run \`apt-get install libjackson2-databind-java\``);
  }
  const path = [...JARS, join(folder, "classes")].join(":");
  const sources = readdirSync(join(folder, "generated")).map((name) => join("generated", name));
  // One compiler for all files, without the slower stages of optimization.
  const quick = ["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"];
  run("javac", [...quick, "-nowarn", "-proc:none", "-cp", path, "-d", "classes", ...sources, beside("java", "Read.java")], { cwd: folder });
  writeFileSync(join(folder, "values.json"), JSON.stringify(values));
  return JSON.parse(run("java", ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", path, "Read", "values.json"], { cwd: folder }));
}
