-- A plugin file for Neovim: `:Stream URL` shows an answer in a new buffer while it
-- comes. Put it into ~/.config/nvim/plugin/, or try it:
--   nvim -c "luafile examples/neovim/stream.lua" -c "Stream https://www.lua.org/"
--
-- Nothing here blocks the editor: a task waits, Neovim does not. Tasks run where
-- Neovim's API may not be called (`vim.in_fast_event()` is true there), so what
-- touches a buffer goes through vim.schedule. Closing the buffer ends the transfer.
local ms = require("multisock")
local api = vim.api

-- Puts text behind what is in the buffer. Scheduled functions run in their order.
local append = vim.schedule_wrap(function(buffer, text)
  if not api.nvim_buf_is_valid(buffer) then
    return
  end
  local last = api.nvim_buf_line_count(buffer) - 1
  local column = #api.nvim_buf_get_lines(buffer, last, last + 1, true)[1]
  api.nvim_buf_set_text(buffer, last, column, last, column, vim.split(text, "\n", { plain = true }))
end)

local notify = vim.schedule_wrap(vim.notify)

local function stream(buffer, url)
  local response, err = ms.get(url)
  if not response then
    return notify(tostring(err), vim.log.levels.ERROR)
  end
  local chunk
  repeat
    chunk, err = response:read()
    if chunk then
      append(buffer, chunk)
    end
  until chunk == nil
  if err then
    notify(tostring(err), vim.log.levels.ERROR)
  else
    notify(("%s: status %d"):format(response.url, response.status), vim.log.levels.INFO)
  end
end

api.nvim_create_user_command("Stream", function(command)
  local buffer = api.nvim_create_buf(true, true)
  api.nvim_win_set_buf(0, buffer)
  local task = ms.spawn(stream, buffer, command.args)
  api.nvim_create_autocmd("BufUnload", {
    buffer = buffer,
    callback = function()
      task:cancel()
    end,
  })
end, { nargs = 1, desc = "Show an answer while it comes" })
