-- A plugin file for Neovim: `:Ask PROMPT` asks a model, and the answer is written into a buffer
-- as it comes: of every server that has OpenAI's API (llama.cpp, Ollama, vLLM, ...). <Esc> in
-- that buffer ends it, as does closing the buffer, and the server learns that. Try it:
--   export MODEL_URL=http://localhost:11434/v1 MODEL=NAME      and API_KEY, if one is asked for
--   nvim -c "luafile examples/neovim/model.lua" -c "Ask What is a coroutine?"
--
-- You may go on typing, in that buffer and elsewhere: a task waits, Neovim does not. A cursor
-- at the end of the answer moves with it, any other stays where it is.
local ms = require("multisock")
local api = vim.api

local client = ms.client({
  base_url = vim.env.MODEL_URL or "http://localhost:11434/v1",
  auth = vim.env.API_KEY and { bearer = vim.env.API_KEY } or nil,
  timeout = { connect = 10, idle = 60 },
  fail_on_error = true,
  -- One that is busy says when to come again. An answer that has begun is asked for once.
  retry = { limit = 4, methods = { "POST" } },
})
local model = vim.env.MODEL or "default"

-- The number of the last line of a buffer, and its length.
local function last_of(buffer)
  local line = api.nvim_buf_line_count(buffer)
  return line, #api.nvim_buf_get_lines(buffer, line - 1, line, true)[1]
end

-- Puts text behind what is in the buffer. Scheduled functions run in their order.
local append = vim.schedule_wrap(function(buffer, text)
  if not api.nvim_buf_is_valid(buffer) then
    return
  end
  local line, length = last_of(buffer)
  local followers = vim.tbl_filter(function(window)
    return api.nvim_win_get_cursor(window)[1] == line
  end, vim.fn.win_findbuf(buffer))
  local row, lines = line - 1, vim.split(text, "\n", { plain = true })
  api.nvim_buf_set_text(buffer, row, length, row, length, lines)
  for _, window in ipairs(followers) do
    api.nvim_win_set_cursor(window, { last_of(buffer) })
  end
end)

local notify = vim.schedule_wrap(vim.notify)

-- What runs as a task: nothing here touches the editor itself.
local function answer(buffer, prompt)
  local response = ms.assert(client:post("/chat/completions", { json = {
    model = model, stream = true, messages = { { role = "user", content = prompt } },
  } }))
  for event in response:events({ json = true, done = "[DONE]" }) do
    if event.data.error then
      error(event.data.error.message, 0)
    end
    local choice = (event.data.choices or {})[1]
    if choice and type(choice.delta.content) == "string" then
      append(buffer, choice.delta.content)
    end
  end
end

-- Waits for the end of that task, and tells of it.
local function tell(task)
  local ok, err = task:join()
  if ok then
    notify("the answer is complete", vim.log.levels.INFO)
  elseif type(err) == "table" and err.kind == "cancelled" then
    notify("stopped", vim.log.levels.INFO)
  else
    -- Why it says no is in the body.
    local said = type(err) == "table" and err.kind == "status" and err.response:json()
    said = type(said) == "table" and type(said.error) == "table" and said.error.message
    notify(tostring(err) .. (said and ": " .. said or ""), vim.log.levels.ERROR)
  end
end

api.nvim_create_user_command("Ask", function(command)
  local buffer = api.nvim_create_buf(true, true)
  vim.cmd("belowright split")
  api.nvim_win_set_buf(0, buffer)
  local task = ms.spawn(answer, buffer, command.args)
  ms.spawn(tell, task)
  local function stop()
    task:cancel()
  end
  vim.keymap.set("n", "<Esc>", stop, { buffer = buffer, desc = "Stop the answer" })
  api.nvim_create_autocmd("BufUnload", { buffer = buffer, callback = stop })
end, { nargs = "+", desc = "Ask a model, and show its answer while it comes" })
