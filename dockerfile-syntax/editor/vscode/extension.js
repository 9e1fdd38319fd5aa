// Starts `dockerfile-pyenv language-server` for Dockerfiles. All findings and completions are the server's.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
  const [command, ...args] = vscode.workspace.getConfiguration("dockerfile-pyenv").get("command");
  const server = { command, args };
  const options = { documentSelector: [{ scheme: "file", language: "dockerfile" }] };
  client = new LanguageClient("dockerfile-pyenv", "PYENV in Dockerfiles", server, options);
  client.start().catch(() => {
    vscode.window.showWarningMessage(
      `${command} does not start: install it, or set "dockerfile-pyenv.command" to where it is.`,
    );
  });
}

function deactivate() {
  return client?.isRunning() ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
