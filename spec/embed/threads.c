/* Many threads, each with a Lua state of its own: threads COUNT TRANSFERS URL.
   Those of odd number have a libuv loop that they adopt, and every fourth is
   closed in the middle of its transfers, and opened again. Prints OK. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libuv closes descriptors by syscall(SYS_close), which ThreadSanitizer does
   not see: a number that one thread has closed and another one gets then looks
   like a descriptor of both. So that goes to close() here, and no report has
   to be suppressed. */
#ifdef __SANITIZE_THREAD__
long syscall(long number, ...)
{
  static long (*real)(long, ...);
  long arguments[6];
  va_list list;
  int i;
  va_start(list, number);
  for (i = 0; i < 6; i++)
    arguments[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_close)
    return close((int)arguments[0]);
  if (real == NULL) /* before there are threads, see main */
    *(void **)&real = dlsym(RTLD_NEXT, "syscall");
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3],
              arguments[4], arguments[5]);
}
#endif

static const char script[] =
    "local count, url, adopted, leave = ...\n"
    "local ms = require('multisock')\n"
    "ms.on_error(function(err, traceback) failed = traceback end)\n"
    "done, failed = 0, nil\n"
    "local function one(i)\n"
    "  local response = assert(ms.get(url .. i))\n"
    "  assert(response:text() == 'body-' .. i)\n"
    "  done = done + 1\n"
    "end\n"
    "local function all()\n"
    "  local left = count\n"
    "  for _ = 1, 10 do\n"
    "    ms.spawn(function()\n"
    "      while left > 0 and not (leave and done > 20) do\n"
    "        left = left - 1\n"
    "        one(left)\n"
    "      end\n"
    "    end)\n"
    "  end\n"
    "  if leave then ms.spawn(function() ms.get(leave) end) end\n"
    "end\n"
    "if adopted then all()\n"
    "elseif leave then\n"
    "  ms.spawn(all)\n"
    "  while done <= 20 and not failed do ms.step(0.05) end\n"
    "else ms.run(all) end\n";

typedef struct Worker {
  pthread_t thread;
  int number, transfers;
  const char *url, *slow;
  char message[500];
} Worker;

/* One state from its first breath to its last. */
static int run(Worker *worker, int leave)
{
  lua_State *L = luaL_newstate();
  uv_loop_t loop;
  int adopted = worker->number % 2, done;
  if (L == NULL || uv_loop_init(&loop) != 0)
    return 0;
  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_multisock);
  if (lua_pcall(L, 0, 0, 0) != 0 ||
      (adopted && multisock_use_loop(L, &loop) != 0) ||
      luaL_loadbuffer(L, script, sizeof script - 1, "=script") != 0)
    goto failed;
  lua_pushinteger(L, worker->transfers);
  lua_pushstring(L, worker->url);
  lua_pushboolean(L, adopted);
  lua_pushstring(L, leave ? worker->slow : NULL);
  if (lua_pcall(L, 4, 0, 0) != 0)
    goto failed;
  if (adopted && !leave)
    (void)uv_run(&loop, UV_RUN_DEFAULT);
  while (adopted && leave) {
    (void)uv_run(&loop, UV_RUN_ONCE);
    lua_getglobal(L, "done");
    lua_getglobal(L, "failed");
    if (lua_tointeger(L, -2) > 20 || lua_toboolean(L, -1))
      break;
    lua_pop(L, 2);
  }
  lua_getglobal(L, "failed");
  if (lua_toboolean(L, -1))
    goto failed;
  lua_getglobal(L, "done");
  done = (int)lua_tointeger(L, -1);
  lua_close(L);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0)
    snprintf(worker->message, sizeof worker->message, "handles are left");
  else if (leave ? done <= 20 : done != worker->transfers)
    snprintf(worker->message, sizeof worker->message, "%d were done", done);
  return worker->message[0] == '\0';
failed:
  snprintf(worker->message, sizeof worker->message, "%s", lua_tostring(L, -1));
  return 0;
}

static void *work(void *data)
{
  Worker *worker = data;
  if (worker->number % 4 < 2 || run(worker, 1))
    (void)run(worker, 0);
  return NULL;
}

int main(int count, char **words)
{
  int i, threads = count == 5 ? atoi(words[1]) : 0, status = 0;
  Worker *workers = calloc((size_t)threads + 1, sizeof *workers);
  if (threads == 0 || workers == NULL)
    return 2;
  (void)syscall(SYS_getpid);
  for (i = 0; i < threads; i++) {
    workers[i].number = i;
    workers[i].transfers = atoi(words[2]);
    workers[i].url = words[3];
    workers[i].slow = words[4];
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
      return 2;
  }
  for (i = 0; i < threads; i++) {
    (void)pthread_join(workers[i].thread, NULL);
    if (workers[i].message[0] != '\0') {
      printf("thread %d: %s\n", i, workers[i].message);
      status = 1;
    }
  }
  free(workers);
  if (status == 0)
    printf("OK\n");
  return status;
}
