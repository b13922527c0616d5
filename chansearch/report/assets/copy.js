// Copying a candidate's export command, also where the page is a file and has no clipboard of its own.

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelecting(text);
  }
}

/** The way before there was a clipboard: a field with the text, selected. */
function copyBySelecting(text) {
  const active = document.activeElement;
  const field = make("textarea", text, { readonly: "", style: "position: fixed; top: 0; opacity: 0" });
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  active?.focus();
  return copied;
}

async function copyCommand(number) {
  const { command } = byNumber.get(number);
  const copied = await copyText(command);
  announce(copied ? `Copied: ${command}` : `This browser lets nothing be copied; the command is: ${command}`);
}
