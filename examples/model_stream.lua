-- A model's answer in a terminal, as it is written: of every server that has OpenAI's API
-- (llama.cpp, Ollama, vLLM, ...). Ctrl-C ends it, and the server learns that.
--   [API_KEY=KEY] lua5.4 examples/model_stream.lua URL MODEL PROMPT...
-- URL is that of the API, such as http://localhost:11434/v1.
local ms = require("multisock")

local url, model, prompt = arg[1], arg[2], table.concat(arg, " ", 3)
if prompt == "" then
  io.stderr:write("usage: lua5.4 examples/model_stream.lua URL MODEL PROMPT...\n")
  os.exit(2)
end

local key = os.getenv("API_KEY")
local client = ms.client({
  base_url = url,
  auth = key and { bearer = key } or nil,
  timeout = { connect = 10, idle = 60 },
  fail_on_error = true,
  -- One that is busy says when to come again. An answer that has begun is asked for once.
  retry = { limit = 4, methods = { "POST" } },
})

local function answer()
  local response = ms.assert(client:post("/chat/completions", { json = {
    model = model, stream = true, messages = { { role = "user", content = prompt } },
  } }))
  local calls, reason = {}, nil
  for event in response:events({ json = true, done = "[DONE]" }) do
    local data = event.data
    if data.error then
      error("\n" .. tostring(data.error.message), 0)
    end
    local choice = (data.choices or {})[1]
    if choice then
      io.write(type(choice.delta.content) == "string" and choice.delta.content or "")
      io.flush()
      reason = type(choice.finish_reason) == "string" and choice.finish_reason or reason
      -- What the model wants to be called comes in pieces.
      for _, part in ipairs(type(choice.delta.tool_calls) == "table" and choice.delta.tool_calls
        or {}) do
        local call = calls[part.index + 1] or { name = "", arguments = "" }
        calls[part.index + 1] = call
        call.name = call.name .. (part["function"].name or "")
        call.arguments = call.arguments .. (part["function"].arguments or "")
      end
    end
  end
  print()
  for _, call in ipairs(calls) do
    print(("wants %s(%s)"):format(call.name, call.arguments))
  end
  if reason == "length" then
    print("(the answer was too long)")
  end
end

local ok, err = pcall(answer)
if not ok then
  -- Why it says no is in the body.
  local said = type(err) == "table" and err.kind == "status" and err.response:json()
  said = type(said) == "table" and type(said.error) == "table" and said.error.message
  io.stderr:write(tostring(err), said and ": " .. tostring(said) or "", "\n")
end
client:close()
os.exit(ok and 0 or 1, true)
