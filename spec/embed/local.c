/* A host that keeps its Lua to itself, as some players load theirs with a plugin:
   local LIBRARY CODE. */
#include <dlfcn.h>
#include <stdio.h>

typedef int Call(void *L, int count, int results, int handler, long context,
                 void *function);

int main(int count, char **words)
{
  void *lua = count == 3 ? dlopen(words[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  void *(*new_state)(void), *L;
  void (*open_libraries)(void *);
  int (*load)(void *, const char *);
  const char *(*to_string)(void *, int, size_t *);
  Call *call;
  if (lua == NULL) {
    printf("%s\n", count == 3 ? dlerror() : "usage: local LIBRARY CODE");
    return 2;
  }
  *(void **)&new_state = dlsym(lua, "luaL_newstate");
  *(void **)&open_libraries = dlsym(lua, "luaL_openlibs");
  *(void **)&load = dlsym(lua, "luaL_loadstring");
  *(void **)&to_string = dlsym(lua, "lua_tolstring");
  *(void **)&call = dlsym(lua, "lua_pcallk"); /* 5.2 and newer */
  if (call == NULL)
    *(void **)&call = dlsym(lua, "lua_pcall");
  L = new_state();
  open_libraries(L);
  if (load(L, words[2]) != 0 || call(L, 0, 0, 0, 0, NULL) != 0) {
    printf("%s\n", to_string(L, -1, NULL));
    return 1;
  }
  return 0;
}
