/* opensocketfunction and closesocketfunction. A handle that has neither uses
   the functions of the libuv driver, or libcurl's own; one that has does what
   those do, after the user's function was asked or told.

   A connection calls the close function of the handle that opened it, and
   outlives that handle: in its multi's pool, or in its own until it is
   cleaned up. So what is called needs data as old as the pool: a CloseHook,
   held by the values of the pool's owner, one for each Lua function. */
#include "above.h"
#include "callbacks_private.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "fields.h"

/* ---- Opening ---- */

typedef struct Open {
  curlsocktype purpose;
  const struct curl_sockaddr *address;
  int fd; /* the user's; -1: refused; -2: open one */
} Open;

static void set_host(lua_State *L, int family, const void *address, int port)
{
  char text[INET6_ADDRSTRLEN];
  field_string(L, "family", family == AF_INET ? "inet" : "inet6");
  if (inet_ntop(family, address, text, sizeof text) != NULL)
    field_string(L, "ip", text);
  field_integer(L, "port", ntohs((uint16_t)port));
}

static void push_address(lua_State *L, const struct curl_sockaddr *address)
{
  const struct sockaddr *name = &address->addr;
  lua_createtable(L, 0, 5);
  field_string(L, "socktype",
               uvdriver_kind(address->socktype) == SOCK_DGRAM ? "dgram"
                                                              : "stream");
  field_integer(L, "protocol", address->protocol);
  if (address->family == AF_INET) {
    const struct sockaddr_in *in = (const void *)name;
    set_host(L, AF_INET, &in->sin_addr, in->sin_port);
  }
  else if (address->family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)name;
    set_host(L, AF_INET6, &in6->sin6_addr, in6->sin6_port);
  }
  else if (address->family == AF_UNIX) {
    const struct sockaddr_un *un = (const void *)name;
    field_string(L, "family", "unix");
    field_string(L, "path", un->sun_path); /* empty for an abstract one */
  }
  else
    field_integer(L, "family", address->family);
}

/* The program keeps the descriptor that it returns: whoever closes what and
   when, libuv never polls one that is gone. */
static int duplicate(lua_State *L, lua_Integer fd)
{
  int type, copy = -1;
  socklen_t size = sizeof type;
  /* libuv aborts the process over what cannot be polled, such as a file. */
  if (fd >= 0 && fd <= INT32_MAX &&
      getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
    copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    luaL_error(L,
               "opensocketfunction returned " INTEGER ", which is no open "
               "socket",
               INTEGER_VALUE(fd));
  return copy;
}

static int open_body(lua_State *L)
{
  Open *call = lua_touserdata(L, 1);
  lua_Integer fd;
  int exact;
  lua_pushstring(L, call->purpose == CURLSOCKTYPE_ACCEPT ? "accept" : "ipcxn");
  push_address(L, call->address);
  lua_call(L, 2, 1);
  call->fd = -2;
  /* LuaSocket's descriptors are floats. */
  if (lua_type(L, -1) == LUA_TNUMBER &&
      (fd = lua_tointegerx(L, -1, &exact), exact))
    call->fd = duplicate(L, fd);
  else if (lua_isboolean(L, -1))
    call->fd = lua_toboolean(L, -1) ? -2 : -1;
  else if (!lua_isnil(L, -1))
    callbacks_refuse(L, "opensocketfunction", "nil, boolean or descriptor");
  return 0;
}

static curl_socket_t on_open(void *data, curlsocktype purpose,
                             struct curl_sockaddr *address)
{
  Easy *easy = data;
  Open call;
  call.purpose = purpose;
  call.address = address;
  if (!callbacks_run(easy, CURLOPT_OPENSOCKETFUNCTION, open_body, &call) ||
      call.fd == -1)
    return CURL_SOCKET_BAD;
  if (call.fd == -2 && easy->driver != NULL)
    return uvdriver_open(easy->driver, purpose, address);
  if (call.fd == -2)
    return socket(address->family, address->socktype, address->protocol);
  if (easy->driver != NULL)
    uvdriver_adopt(easy->driver, call.fd, address->socktype);
  return call.fd;
}

/* ---- Closing ---- */

typedef struct CloseHook {
  lua_State *L;        /* the callbacks' thread */
  UvDriver *driver;    /* drives the pool's owner, or NULL */
  struct Multi *multi; /* the owner: this one, or the easy */
  Easy *easy;
} CloseHook;

/* Field of the owner's values: {[function] = hook}. */
#define HOOKS "closehooks"

/* Weak table from the address of a CloseHook to its userdata: a finalizer
   finds nothing here any more, and calls no Lua. */
static const char hooks_key;

static void push_registry(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key);
  if (!lua_isnil(L, -1))
    return;
  lua_pop(L, 1);
  push_weak_table(L, "v");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &hooks_key);
}

/* The error on top (popped) ends the transfer of the easy, or is raised by
   the call that drives the multi, as those of its socket function are. */
static void keep_error(lua_State *L, CloseHook *hook)
{
  if (hook->multi == NULL) {
    easy_keep_error(L, hook->easy);
    return;
  }
  above_multi()->keep_error(L, hook->multi);
}

static void tell(CloseHook *hook, curl_socket_t fd)
{
  lua_State *L = hook->L;
  if (!lua_checkstack(L, 16))
    return;
  lua_pushcfunction(L, callbacks_on_error);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key);
  lua_rawgetp(L, -1, hook);
  lua_remove(L, -2);
  if (lua_isuserdata(L, -1)) {
    compat_getuservalue(L, -1);
    lua_rawgeti(L, -1, 1);
    lua_replace(L, -3);
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)fd);
    if (lua_pcall(L, 1, 0, -3) != LUA_OK)
      keep_error(L, hook);
  }
  else
    lua_pop(L, 1);
  lua_pop(L, 1); /* the handler */
}

static int on_close(void *data, curl_socket_t fd)
{
  CloseHook *hook = data;
  if (hook->driver != NULL)
    uvdriver_release(hook->driver, fd);
  tell(hook, fd);
  return close(fd);
}

/* Pushes the table of hooks in the values at `values`. */
static void push_hooks(lua_State *L, int values)
{
  lua_getfield(L, values, HOOKS);
  if (lua_istable(L, -1))
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, values, HOOKS);
}

/* The hook for the function on top of the stack, which is popped. */
static CloseHook *hook_take(lua_State *L, Easy *easy, int owner)
{
  CloseHook *hook;
  int function = lua_gettop(L);
  compat_getuservalue(L, owner);
  push_hooks(L, function + 1);
  lua_pushvalue(L, function);
  lua_rawget(L, -2);
  hook = lua_touserdata(L, -1);
  if (hook == NULL) {
    lua_pop(L, 1);
    hook = compat_newuserdata(L, sizeof *hook);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, function);
    lua_rawseti(L, -2, 1);
    compat_setuservalue(L, -2);
    push_registry(L);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, hook);
    lua_pop(L, 1);
    lua_pushvalue(L, function);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  hook->L = easy->callbacks;
  hook->driver = easy->driver;
  hook->multi = above_multi()->find(L, owner);
  hook->easy = easy;
  lua_settop(L, function - 1);
  return hook;
}

void callbacks_prepare_sockets(lua_State *L, Easy *easy, int self, int owner)
{
  CURL *handle = easy->handle;
  compat_getuservalue(L, self);
  if (lua_rawgeti(L, -1, CURLOPT_OPENSOCKETFUNCTION) == LUA_TFUNCTION) {
    /* Setting a callback and its data cannot fail. */
    (void)curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, easy);
  }
  lua_pop(L, 1);
  if (lua_rawgeti(L, -1, CURLOPT_CLOSESOCKETFUNCTION) == LUA_TFUNCTION) {
    CloseHook *hook;
    /* Connections that a share keeps outlive every owner. */
    if (lua_rawgeti(L, -2, CURLOPT_SHARE) != LUA_TNIL)
      luaL_error(L, "closesocketfunction cannot be used with a share");
    lua_pop(L, 1);
    hook = hook_take(L, easy, owner);
    (void)curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    (void)curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, hook);
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 2);
}

void callbacks_keep_sockets(lua_State *L, int old_values, int new_values)
{
  lua_getfield(L, old_values, HOOKS);
  lua_setfield(L, new_values, HOOKS);
}

void callbacks_reset_sockets(lua_State *L, Easy *easy, int values)
{
  CURL *handle = easy->handle;
  int open = lua_rawgeti(L, values, CURLOPT_OPENSOCKETFUNCTION);
  int close = lua_rawgeti(L, values, CURLOPT_CLOSESOCKETFUNCTION);
  lua_pop(L, 2);
  easy->own_sockets = open != LUA_TNIL || close != LUA_TNIL;
  (void)curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, NULL);
  (void)curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, NULL);
  easy->driver = NULL; /* easy_set_driver sets them anew */
}
