/* Closes a state in the middle of its transfers, in each kind of callback that
   the host may have on its loop: closing SCRIPT ARGUMENT... Prints OK. */
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <stdio.h>
#include <stdlib.h>

static lua_State *L;
static int due;
static union {
  uv_handle_t handle;
  uv_timer_t timer;
  uv_idle_t idle;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_async_t async;
} with;
static uv_timer_t clock_timer;

static void end(uv_handle_t *handle)
{
  if (!due)
    return;
  lua_close(L);
  L = NULL;
  uv_close(handle, NULL);
}

static void on_timer(uv_timer_t *timer)
{
  end((uv_handle_t *)timer);
}
static void on_idle(uv_idle_t *idle)
{
  end((uv_handle_t *)idle);
}
static void on_prepare(uv_prepare_t *prepare)
{
  end((uv_handle_t *)prepare);
}
static void on_check(uv_check_t *check)
{
  end((uv_handle_t *)check);
}
static void on_async(uv_async_t *async)
{
  end((uv_handle_t *)async);
}

/* When the transfers are under way. */
static void on_clock(uv_timer_t *timer)
{
  due = 1;
  if (with.handle.type == UV_ASYNC)
    uv_async_send(&with.async);
  uv_close((uv_handle_t *)timer, NULL);
}

static void start(uv_loop_t *loop, int kind)
{
  uv_timer_init(loop, &clock_timer);
  uv_timer_start(&clock_timer, on_clock, 100, 0);
  switch (kind) {
  case 0:
    uv_timer_init(loop, &with.timer);
    uv_timer_start(&with.timer, on_timer, 120, 5);
    break;
  case 1:
    uv_idle_init(loop, &with.idle);
    uv_idle_start(&with.idle, on_idle);
    break;
  case 2:
    uv_prepare_init(loop, &with.prepare);
    uv_prepare_start(&with.prepare, on_prepare);
    break;
  case 3:
    uv_check_init(loop, &with.check);
    uv_check_start(&with.check, on_check);
    break;
  default: uv_async_init(loop, &with.async, on_async);
  }
}

int main(int count, char **words)
{
  uv_loop_t loop;
  int kind, i;
  for (kind = 0; kind < 5; kind++) {
    L = luaL_newstate();
    due = 0;
    if (L == NULL || count < 2 || uv_loop_init(&loop) != 0)
      return 2;
    luaL_openlibs(L);
    lua_pushcfunction(L, luaopen_multisock);
    if (lua_pcall(L, 0, 0, 0) != 0 || multisock_use_loop(L, &loop) != 0 ||
        luaL_loadfile(L, words[1]) != 0)
      return 2;
    for (i = 2; i < count; i++)
      lua_pushstring(L, words[i]);
    if (lua_pcall(L, count - 2, 0, 0) != 0)
      return 2;
    start(&loop, kind);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (L != NULL || uv_loop_close(&loop) != 0) {
      printf("kind %d: %s\n", kind, L ? "not closed" : "something is left");
      return 1;
    }
  }
  printf("OK\n");
  return 0;
}
