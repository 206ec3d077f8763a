-- The editor that this runs in. Vim has a global `vim`, too, but no loop.
local editor = {}

--- Neovim's `vim`; nil elsewhere.
function editor.neovim()
  local vim = rawget(_G, "vim")
  return type(vim) == "table" and (vim.uv or vim.loop) and vim or nil
end

return editor
