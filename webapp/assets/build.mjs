// Builds ../static: one script for each *.js here, one style sheet, the icon font. Run by hatch_build.py.
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static");
const fresh = join(here, "..", "static.new"); // swapped in at the end: pages never meet half a build
const scripts = (await readdir(here)).filter((name) => name.endsWith(".js")).sort();

const options = {
  absWorkingDir: here,
  entryPoints: [...scripts, "liaison.css"],
  outdir: fresh,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome112", "firefox115", "safari16.4"],
  loader: { ".woff2": "file", ".woff": "empty", ".svg": "file" },
  assetNames: "files/[name]-[hash]",
  legalComments: "linked",
  logLevel: "warning",
};

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
await copyFile(join(here, "seal.svg"), join(fresh, "seal.svg"));
await esbuild.build(options);
await rm(out, { recursive: true, force: true });
await rename(fresh, out);
