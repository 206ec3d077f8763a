/* A host for specs: runs a Lua script with the functions below, then closes
   the state, runs its loop once more and closes that. Prints "closed" when
   nothing was left open. Usage: host SCRIPT [ARGUMENT...] */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;

/* Names that multisock's sources have, too: the library must not mind. */
int url_new(void);
int loop_open(void);
int easy_destroy(void);
int url_new(void)
{
  return 1;
}
int loop_open(void)
{
  return 2;
}
int easy_destroy(void)
{
  return 3;
}

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#endif

static lua_State *main_state;

static void open_all(lua_State *L)
{
  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_multisock);
  lua_call(L, 0, 0);
}

/* adopt([pointer]): nil, or what multisock_use_loop says. */
static int host_adopt(lua_State *L)
{
  uv_loop_t *given = lua_isuserdata(L, 1) ? lua_touserdata(L, 1) : &loop;
  if (multisock_use_loop(L, given) == 0)
    lua_pushnil(L);
  return 1;
}

/* pointer(): the host's loop, for core.loop. */
static int host_pointer(lua_State *L)
{
  lua_pushlightuserdata(L, &loop);
  return 1;
}

/* uv_run([mode]) -> whether something is left. */
static int host_run(lua_State *L)
{
  static const char *const names[] = { "default", "once", "nowait", NULL };
  lua_pushboolean(L, uv_run(&loop, luaL_checkoption(L, 1, "default", names)));
  return 1;
}

/* ---- after(ms, fn): the host's own callback calls into Lua ---- */

typedef struct After {
  uv_timer_t timer;
  lua_State *L;
  int function;
} After;

static void on_after_closed(uv_handle_t *handle)
{
  free(handle);
}

static void on_after(uv_timer_t *timer)
{
  After *after = (After *)timer;
  lua_rawgeti(after->L, LUA_REGISTRYINDEX, after->function);
  luaL_unref(after->L, LUA_REGISTRYINDEX, after->function);
  if (lua_pcall(after->L, 0, 0, 0) != 0) {
    printf("after: %s\n", lua_tostring(after->L, -1));
    lua_pop(after->L, 1);
  }
  uv_close((uv_handle_t *)timer, on_after_closed);
}

static int host_after(lua_State *L)
{
  After *after = malloc(sizeof *after);
  lua_Integer ms = luaL_checkinteger(L, 1);
  lua_settop(L, 2);
  after->function = luaL_ref(L, LUA_REGISTRYINDEX);
  after->L = main_state;
  uv_timer_init(&loop, &after->timer);
  uv_timer_start(&after->timer, on_after, (uint64_t)ms, 0);
  return 0;
}

/* ---- foreign(userdata, code): as luv's threads do it, a copy of the bytes in
   another state, with the metatable of that name there ---- */

static int host_foreign(lua_State *L)
{
  lua_State *other = luaL_newstate();
  size_t size = lua_rawlen(L, 1);
  void *copy;
  open_all(other);
  if (luaL_loadstring(other, luaL_checkstring(L, 2)) != 0)
    return luaL_error(L, "%s", lua_tostring(other, -1));
  copy = lua_newuserdata(other, size);
  memcpy(copy, lua_touserdata(L, 1), size);
  if (luaL_getmetafield(L, 1, "__name")) {
    luaL_getmetatable(other, lua_tostring(L, -1));
    lua_setmetatable(other, -2);
  }
  if (lua_pcall(other, 1, 1, 0) == 0)
    lua_pushnil(L);
  else
    lua_pushstring(L, lua_tostring(other, -1));
  lua_close(other);
  return 1;
}

/* fresh(code, text): in a new state. nil, or the error. */
static int host_fresh(lua_State *L)
{
  lua_State *other = luaL_newstate();
  open_all(other);
  if (luaL_loadstring(other, luaL_checkstring(L, 1)) == 0) {
    lua_pushstring(other, luaL_checkstring(L, 2));
    if (lua_pcall(other, 1, 0, 0) == 0)
      lua_pushnil(other);
  }
  lua_pushstring(L, lua_tostring(other, -1));
  lua_close(other);
  return 1;
}

/* ---- thread(fn): calls it on another thread, and waits for that ---- */

static void *call(void *data)
{
  lua_State *L = data;
  if (lua_pcall(L, 0, 0, 0) == 0)
    lua_pushnil(L);
  return NULL;
}

static int host_thread(lua_State *L)
{
  lua_State *co = lua_newthread(L);
  pthread_t thread;
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  pthread_create(&thread, NULL, call, co);
  pthread_join(thread, NULL);
  lua_xmove(co, L, 1);
  return 1;
}

/* ---- Processes ---- */

static int host_fork(lua_State *L)
{
  fflush(stdout);
  lua_pushinteger(L, fork());
  return 1;
}

/* wait(pid) -> exit status, or minus the signal */
static int host_wait(lua_State *L)
{
  int status = 0;
  waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
  lua_pushinteger(L,
                  WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  return 1;
}

/* fork_loop(): what a child does with a loop that it wants to go on with. */
static int host_fork_loop(lua_State *L)
{
  lua_pushinteger(L, uv_loop_fork(&loop));
  return 1;
}

/* ---- Loops of others ---- */

/* luv_loop(): that of luv, which must have been required. */
static int host_luv_loop(lua_State *L)
{
  void **context;
  lua_getfield(L, LUA_REGISTRYINDEX, "luv_context");
  context = lua_touserdata(L, -1);
  lua_pushlightuserdata(L, context[0]);
  return 1;
}

/* stranger(path): a loop made by another copy of libuv. */
static int host_stranger(lua_State *L)
{
  void *library = dlopen(luaL_checkstring(L, 1), RTLD_NOW | RTLD_LOCAL);
  int (*init)(uv_loop_t *);
  static void *made; /* never closed */
  /* Larger, for a version whose struct is. */
  made = calloc(2, sizeof(uv_loop_t));
  if (library == NULL)
    return luaL_error(L, "%s", dlerror());
  *(void **)&init = dlsym(library, "uv_loop_init");
  if (init == uv_loop_init)
    return luaL_error(L, "that is not another copy");
  if (init(made) != 0)
    return luaL_error(L, "uv_loop_init failed");
  lua_pushlightuserdata(L, made);
  return 1;
}

/* say(text): at once, in the order in which processes say it. */
static int host_say(lua_State *L)
{
  lua_settop(L, 1);
  lua_getglobal(L, "tostring");
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  printf("%s\n", lua_tostring(L, 1));
  fflush(stdout);
  return 0;
}

static const luaL_Reg functions[] = {
  { "adopt", host_adopt },         { "pointer", host_pointer },
  { "uv_run", host_run },          { "after", host_after },
  { "foreign", host_foreign },     { "thread", host_thread },
  { "fork", host_fork },           { "wait", host_wait },
  { "fork_loop", host_fork_loop }, { "luv_loop", host_luv_loop },
  { "stranger", host_stranger },   { "say", host_say },
  { "fresh", host_fresh },         { NULL, NULL },
};

static void on_open_handle(uv_handle_t *handle, void *data)
{
  (void)data;
  printf("still open: %s\n", uv_handle_type_name(handle->type));
}

int main(int count, char **words)
{
  lua_State *L = luaL_newstate();
  int i, status = 0;
  if (count < 2 || uv_loop_init(&loop) != 0)
    return 2;
  main_state = L;
  for (i = 0; functions[i].name != NULL; i++)
    lua_register(L, functions[i].name, functions[i].func);
  open_all(L);
  if (luaL_loadfile(L, words[1]) != 0) {
    printf("%s\n", lua_tostring(L, -1));
    return 2;
  }
  for (i = 2; i < count; i++)
    lua_pushstring(L, words[i]);
  if (lua_pcall(L, count - 2, 0, 0) != 0) {
    printf("error: %s\n", lua_tostring(L, -1));
    status = 1;
  }
  lua_close(L);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) == 0)
    printf("closed\n");
  else
    uv_walk(&loop, on_open_handle, NULL);
  return status;
}
