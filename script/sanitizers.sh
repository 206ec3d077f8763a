# Builds with AddressSanitizer and UBSan into build-asan/: sourced by the
# scripts that run it. `asan` is the library to be loaded before all else.
MULTISOCK_BUILD=$(dirname "${BASH_SOURCE[0]}")/../build-asan${MULTISOCK_LUA:+-$MULTISOCK_LUA}
mkdir -p "$MULTISOCK_BUILD"
MULTISOCK_BUILD=$(cd "$MULTISOCK_BUILD" && pwd)
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

script/setup
script/build -DMULTISOCK_SANITIZE=ON
asan=$("${CC:-gcc}" -print-file-name=libasan.so)
