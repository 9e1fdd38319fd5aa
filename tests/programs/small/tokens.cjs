// Prints each token of a Dockerfile with its scopes, as VS Code finds them with the injected grammar.
// Arguments: the injected grammar, the Dockerfile.
const fs = require("fs");
const path = require("path");
const oniguruma = require("vscode-oniguruma");
const { Registry, parseRawGrammar, INITIAL } = require("vscode-textmate");

// Stands for VS Code's own grammar of Dockerfiles: instructions, comments and strings.
const DOCKERFILE = {
  scopeName: "source.dockerfile",
  patterns: [
    { name: "comment.line.number-sign.dockerfile", match: "^\\s*#.*$\\n?" },
    { match: "^\\s*(?i:(FROM|RUN|ENV|COPY))\\s", captures: { 1: { name: "keyword.other.special-method.dockerfile" } } },
    { name: "string.quoted.double.dockerfile", begin: '"', end: '"', patterns: [] },
  ],
};

async function main(grammarPath, file) {
  const wasm = fs.readFileSync(path.join(path.dirname(require.resolve("vscode-oniguruma")), "onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const injected = parseRawGrammar(fs.readFileSync(grammarPath, "utf8"), grammarPath);
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (sources) => new oniguruma.OnigScanner(sources),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) => (scope === injected.scopeName ? injected : DOCKERFILE),
    getInjections: (scope) => (scope === "source.dockerfile" ? [injected.scopeName] : []),
  });
  const grammar = await registry.loadGrammar("source.dockerfile");
  let stack = INITIAL;
  fs.readFileSync(file, "utf8").split("\n").forEach((line, number) => {
    const found = grammar.tokenizeLine(line, stack);
    stack = found.ruleStack;
    for (const token of found.tokens) {
      const text = line.slice(token.startIndex, token.endIndex);
      if (text.trim()) {
        console.log(JSON.stringify([number + 1, text, token.scopes.slice(1)]));
      }
    }
  });
}

main(...process.argv.slice(2));
