/* Counts calls of curl_global_init: one for two states on two threads, none
   when the host has made it. Prints OK. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <multisock.h>
#include <pthread.h>
#include <stdio.h>

static int calls;

/* In front of libcurl's. */
CURLcode curl_global_init(long flags)
{
  CURLcode (*real)(long);
  *(void **)&real = dlsym(RTLD_NEXT, "curl_global_init");
  calls++;
  return real(flags);
}

static void *use(void *host_has)
{
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  if (host_has != NULL) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, MULTISOCK_CURL_READY);
  }
  lua_pushcfunction(L, luaopen_multisock);
  lua_call(L, 0, 0);
  lua_close(L);
  return NULL;
}

static int expect(int count)
{
  if (calls != count)
    printf("%d calls instead of %d\n", calls, count);
  return calls == count;
}

int main(void)
{
  pthread_t threads[2];
  int i;
  (void)use(&calls);
  if (!expect(0))
    return 1;
  for (i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, use, NULL);
  for (i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  if (!expect(1))
    return 1;
  printf("OK\n");
  return 0;
}
