# How a folder declares its targets:
#
#   yunjian_library(<name> [COLD] [SOURCES a.cc …] [ALONE b.cc …] [DEPS target …])
#                                                               static; DEPS are public
#   yunjian_program(<name> SOURCES main.cc … [DEPS target …])         lands in build/<preset>/bin/
#   yunjian_test(<name> SOURCES a_test.cc … [DEPS target …])    doctest binary, registered in ctest
#   yunjian_test_sources(<top> a_test.cc … [ALONE b_test.cc …] [DEPS target …])
#                                                               adds to the binary <top>_test
#   yunjian_test_deps(<top> target …)                           links <top>_test with more targets
#   yunjian_test_exhaustive(<top>)                              some of its cases take long
#
# A library without sources becomes an interface target, so that a folder may start with headers.

# COLD code is what runs once a request, a command or a month, never once a record.
# In the release build cold code, programs' main() and tests take -O1, which compiles faster.
set(YUNJIAN_COLD_OPTIONS $<$<CONFIG:Release>:-O1>)

# One precompiled header for all targets, and one for all tests; whoever shares one compiles with
# the same options. ccache needs to see what a header holds, hence -fpch-preprocess.
if(YUNJIAN_PCH)
  file(WRITE "${CMAKE_BINARY_DIR}/pch.cc" "")
  set(common <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <span>
             <string> <string_view> <unordered_map> <utility> <variant> <vector>
             <fmt/format.h> <tl/expected.hpp>)
  foreach(name IN ITEMS yunjian_pch yunjian_test_pch)
    add_library(${name} OBJECT "${CMAKE_BINARY_DIR}/pch.cc")
    target_link_libraries(${name} PRIVATE yunjian_options yunjian::expected fmt::fmt)
    target_precompile_headers(${name} PRIVATE ${common})
  endforeach()
  target_link_libraries(yunjian_test_pch PRIVATE doctest)
  target_precompile_headers(yunjian_test_pch PRIVATE <filesystem> <fstream> <set> <sstream>
                                                     <thread> <doctest/doctest.h>)
  target_compile_options(yunjian_test_pch PRIVATE ${YUNJIAN_COLD_OPTIONS})
endif()

# In the release build eight sources of a library, and six tests of a folder, are compiled as one,
# which halves the time their headers take. ALONE names sources whose file-local names others have
# too.
option(YUNJIAN_UNITY "compile several sources at once" ${YUNJIAN_RELEASE})
set(YUNJIAN_UNITY_SIZE 8)
set(YUNJIAN_UNITY_TESTS 6)

function(yunjian_target name pch)
  target_link_libraries(${name} PRIVATE yunjian_options)
  if(YUNJIAN_PCH)
    target_precompile_headers(${name} REUSE_FROM ${pch})
    # The header holds fmt, which looks at this.
    target_compile_definitions(${name} PRIVATE
      $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>)
    if(YUNJIAN_CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${name} PRIVATE -fpch-preprocess)
    endif()
  endif()
endfunction()

function(yunjian_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "COLD" "" "SOURCES;ALONE;DEPS")
  if(NOT arg_SOURCES)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE yunjian_options ${arg_DEPS})
    return()
  endif()
  add_library(${name} STATIC ${arg_SOURCES} ${arg_ALONE})
  yunjian_target(${name} yunjian_pch)
  if(YUNJIAN_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON
                                             UNITY_BUILD_BATCH_SIZE ${YUNJIAN_UNITY_SIZE})
    set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    # A class whose members' types are file-local counts as a header's in a joined source.
    target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
  endif()
  if(arg_COLD)
    target_compile_options(${name} PRIVATE ${YUNJIAN_COLD_OPTIONS})
  endif()
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
endfunction()

function(yunjian_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  yunjian_target(${name} yunjian_pch)
  target_compile_options(${name} PRIVATE ${YUNJIAN_COLD_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

function(yunjian_test_binary name)
  if(NOT TARGET ${name})
    add_executable(${name})
    yunjian_target(${name} yunjian_test_pch)
    target_compile_options(${name} PRIVATE ${YUNJIAN_COLD_OPTIONS})
    target_link_libraries(${name} PRIVATE yunjian_test_main doctest)
    add_test(NAME ${name} COMMAND ${name} --no-intro --no-skipped-summary
                                  --test-suite-exclude=exhaustive)
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endfunction()

function(yunjian_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  yunjian_test_binary(${name})
  target_sources(${name} PRIVATE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

function(yunjian_test_sources top)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "ALONE;DEPS")
  set(joined ${arg_UNPARSED_ARGUMENTS})
  yunjian_test(${top}_test SOURCES ${joined} ${arg_ALONE} DEPS ${arg_DEPS})
  if(NOT YUNJIAN_UNITY)
    return()
  endif()
  set_target_properties(${top}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  target_compile_options(${top}_test PRIVATE -Wno-subobject-linkage)
  string(MAKE_C_IDENTIFIER "${CMAKE_CURRENT_SOURCE_DIR}" folder)
  set(count 0)
  foreach(source IN LISTS joined)
    math(EXPR group "${count} / ${YUNJIAN_UNITY_TESTS}")
    math(EXPR count "${count} + 1")
    set_source_files_properties(${source} TARGET_DIRECTORY ${top}_test
                                PROPERTIES UNITY_GROUP "${folder}_${group}")
  endforeach()
endfunction()

function(yunjian_test_deps top)
  yunjian_test(${top}_test DEPS ${ARGN})
endfunction()

# The cases in TEST_SUITE("exhaustive") become a ctest test of their own, which --quick leaves out.
function(yunjian_test_exhaustive top)
  add_test(NAME ${top}_test_exhaustive COMMAND ${top}_test --no-intro --no-skipped-summary
                                               --test-suite=exhaustive)
  set_tests_properties(${top}_test_exhaustive PROPERTIES LABELS exhaustive TIMEOUT 1800)
endfunction()
