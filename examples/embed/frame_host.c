/* A host that owns its time, such as a game: it draws a frame, gives Lua a
   moment, and sleeps when there is nothing to draw.

   cc frame_host.c $(pkg-config --cflags --libs multisock lua5.4) -o frame_host
   ./frame_host fetch.lua https://www.lua.org/ https://curl.se/ */
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAMES 30
#define FRAME_MS 16

static void fail(lua_State *L)
{
  fprintf(stderr, "frame_host: %s\n", lua_tostring(L, -1));
  exit(1);
}

/* Serves what is there now, and never waits. It fails with the error of a task
   that nobody awaited, unless the script has set ms.on_error. */
static void step(lua_State *L)
{
  if (multisock_step(L, 0) != 0)
    fail(L);
}

/* Sleeps until multisock has something to do; false when it never will. */
static int sleep_for_news(lua_State *L)
{
  struct pollfd news = { multisock_fd(L), POLLIN, 0 };
  double seconds = multisock_next_timeout(L);
  int done;
  lua_getfield(L, LUA_REGISTRYINDEX, "done");
  done = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (done)
    return 0;
  poll(&news, 1, seconds < 0 ? -1 : (int)(seconds * 1000) + 1);
  return 1;
}

/* done(): what the script calls when it has all it wants. */
static int set_done(lua_State *L)
{
  lua_pushboolean(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "done");
  return 0;
}

int main(int count, char **words)
{
  lua_State *L;
  int i, frames, naps = 0;
  if (count < 2) {
    fprintf(stderr, "usage: frame_host SCRIPT [ARGUMENT...]\n");
    return 2;
  }
  L = luaL_newstate();
  if (L == NULL)
    return 1;
  luaL_openlibs(L);
  lua_register(L, "done", set_done);
  lua_pushcfunction(L, luaopen_multisock);
  if (lua_pcall(L, 0, 0, 0) != 0 || luaL_loadfile(L, words[1]) != 0)
    fail(L);
  for (i = 2; i < count; i++)
    lua_pushstring(L, words[i]);
  if (lua_pcall(L, count - 2, 0, 0) != 0)
    fail(L);

  for (frames = 0; frames < FRAMES; frames++) {
    poll(NULL, 0, FRAME_MS); /* here the game would draw */
    step(L);
  }
  while (sleep_for_news(L)) {
    naps++;
    step(L);
  }
  printf("%d frames, then %s\n", frames, naps > 0 ? "slept" : "all was done");
  lua_close(L);
  return 0;
}
