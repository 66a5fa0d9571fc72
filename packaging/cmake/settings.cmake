# Language, build types, warnings, linker and compiler cache: what holds for all our code.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Debug CACHE STRING "Debug or Release" FORCE)
endif()
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -D_FORTIFY_SOURCE=2")

option(YUNJIAN_WERROR "warnings are errors" ON)
set(YUNJIAN_SANITIZE "" CACHE STRING "sanitizers, as -fsanitize= takes them; empty for none")

# What our own targets compile and link with; packaged libraries are not touched by it.
add_library(yunjian_options INTERFACE)
target_include_directories(yunjian_options INTERFACE "${CMAKE_SOURCE_DIR}")
# A designated initialiser names what differs from the defaults; the rest is meant to be left out.
target_compile_options(yunjian_options INTERFACE -Wall -Wextra -Wconversion
                                                 -Wno-missing-field-initializers)
if(YUNJIAN_WERROR)
  target_compile_options(yunjian_options INTERFACE -Werror)
endif()
set(YUNJIAN_RELEASE OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT YUNJIAN_SANITIZE)
  set(YUNJIAN_RELEASE ON)
  target_compile_options(yunjian_options INTERFACE -fstack-protector-strong
                                                   -fstack-clash-protection -fcf-protection)
  # GCC 12 sees overlaps and overruns in inlined strings where there are none (PR 105651, 105329).
  target_compile_options(yunjian_options INTERFACE -Wno-restrict -Wno-array-bounds
                                                   -Wno-stringop-overflow)
  target_link_options(yunjian_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
else()
  # In joined sources a local name may hide another file's, which says nothing.
  target_compile_options(yunjian_options INTERFACE -Wshadow)
endif()
if(YUNJIAN_SANITIZE)
  target_compile_options(yunjian_options INTERFACE -fsanitize=${YUNJIAN_SANITIZE}
                                                   -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer)
  target_link_options(yunjian_options INTERFACE -fsanitize=${YUNJIAN_SANITIZE})
  if(YUNJIAN_SANITIZE MATCHES thread)
    # GCC warns that atomic_thread_fence is not seen by tsan; Asio uses it.
    target_compile_options(yunjian_options INTERFACE -Wno-tsan)
  endif()
endif()

# Every target counts where it has been; tests/fuzz links the fuzzer itself.
option(YUNJIAN_FUZZ "build tests/fuzz, with clang" OFF)
if(YUNJIAN_FUZZ)
  target_compile_options(yunjian_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(YUNJIAN_MOLD mold)
find_program(YUNJIAN_LLD ld.lld)
if(YUNJIAN_MOLD)
  target_link_options(yunjian_options INTERFACE -fuse-ld=mold)
elseif(YUNJIAN_LLD)
  target_link_options(yunjian_options INTERFACE -fuse-ld=lld)
endif()

# The debug information's directory is left out of the cache key, so that several build directories
# share one cache. A precompiled header takes part in the key by its content.
find_program(YUNJIAN_CCACHE ccache)
if(YUNJIAN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_NOHASHDIR=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros "${YUNJIAN_CCACHE}")
endif()
option(YUNJIAN_PCH "precompile the common headers" ON)
