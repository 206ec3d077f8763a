-- What specs of WebSockets share.
local websockets = {}

--- The end of what was opened: then nothing of it is left.
function websockets.end_of(ws)
  ws:close()
  local data, err
  repeat
    data, err = ws:receive()
  until data == nil
  return err
end

return websockets
