import type { Plugin, Rolldown } from "vite";

export const NOTICES = "NOTICES.txt";

interface Package {
  name: string;
  version: string;
  license?: string;
}

/** Modules that the bundler adds of its own have no file; these are the packages whose code they are. */
const HELPERS: readonly [id: RegExp, name: string][] = [
  [/^\0rolldown[/:]/, "rolldown"],
  [/^\0vite[/:]/, "vite"],
  [/^\0@oxc-project[+/]runtime/, "@oxc-project/runtime"],
];
const PACKAGE = /^(.*\/node_modules\/)((?:@[^/]+\/)?[^/]+)\//;

/**
 * The directory of the package that a module comes from; undefined for our own modules. Throws for modules of unknown
 * origin.
 */
export function packageDirectory(id: string, root: string): string | undefined {
  const path = id.replaceAll("\\", "/").replace(/\?.*$/, "");
  const [, modules, name] = PACKAGE.exec(path) ?? [];
  if (modules && name) return modules + name;
  if (!path.startsWith("\0")) return undefined;
  const helper = HELPERS.find(([pattern]) => pattern.test(path))?.[1];
  if (!helper)
    throw new Error(`notices.ts does not know which package ${JSON.stringify(id)} comes from: add it to HELPERS.`);
  return `${root}/node_modules/${helper}`;
}

/**
 * Writes NOTICES.txt: name, version and licence text of every package of which something is in the bundle or in a
 * worker's bundle. The build fails when a package has no licence file.
 */
export function notices(): { main: () => Plugin; worker: () => Plugin } {
  const directories = new Set<string>();
  let root = "";
  const collect = (bundle: Rolldown.OutputBundle) => {
    for (const file of Object.values(bundle))
      for (const id of file.type === "chunk" ? file.moduleIds : []) {
        const directory = packageDirectory(id, root);
        if (directory) directories.add(directory);
      }
  };
  return {
    worker: () => ({ name: "notices-of-worker", generateBundle: (_, bundle) => collect(bundle) }),
    main: () => ({
      name: "notices",
      configResolved: (config) => {
        root = config.root;
      },
      async generateBundle(_, bundle) {
        collect(bundle);
        const texts = new Map<string, string>();
        for (const directory of directories) {
          const about: Package = JSON.parse(await this.fs.readFile(`${directory}/package.json`, { encoding: "utf8" }));
          const file = (await this.fs.readdir(directory)).find((name) => /^licen[cs]e(\.|$)/i.test(name));
          if (!file)
            throw new Error(
              `${about.name} has no licence file, and its code is in the bundle: use another package, or add its notice by hand.`,
            );
          const text = await this.fs.readFile(`${directory}/${file}`, { encoding: "utf8" });
          texts.set(about.name, `${about.name} ${about.version} (${about.license ?? "see below"})\n\n${text.trim()}\n`);
        }
        const rule = `\n${"-".repeat(80)}\n\n`;
        const source = [
          "The files in this directory contain code of these packages.\n",
          ...[...texts.keys()].sort().map((name) => texts.get(name)),
        ].join(rule);
        this.emitFile({ type: "asset", fileName: NOTICES, source });
      },
    }),
  };
}
