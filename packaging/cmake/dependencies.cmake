# The packaged libraries, each under one name for DEPS. All come from Debian 12; the package names
# are in packaging/debian-packages.

# yunjian_header_library(<name> <header>): a target for a library that is only headers.
function(yunjian_header_library name header)
  string(MAKE_C_IDENTIFIER "YUNJIAN_${name}_INCLUDE" variable)
  find_path(${variable} "${header}" REQUIRED)
  add_library(${name} INTERFACE IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${${variable}}")
endfunction()

# yunjian_packaged_library(<name> <header> <library>…): for one that has no CMake package.
function(yunjian_packaged_library name header)
  yunjian_header_library(${name} "${header}")
  foreach(library IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "YUNJIAN_LIBRARY_${library}" variable)
    find_library(${variable} ${library} REQUIRED)
    set_property(TARGET ${name} APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${${variable}}")
  endforeach()
endfunction()

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)  # OpenSSL::Crypto, OpenSSL::SSL
find_package(CURL REQUIRED)         # CURL::libcurl
find_package(fmt REQUIRED)          # fmt::fmt
find_package(Boost 1.81 REQUIRED)   # headers only

add_library(yunjian::boost INTERFACE IMPORTED GLOBAL)
target_link_libraries(yunjian::boost INTERFACE Boost::headers Threads::Threads)

yunjian_packaged_library(yunjian::zstd zstd.h zstd)
yunjian_packaged_library(yunjian::re2 re2/re2.h re2)
yunjian_packaged_library(yunjian::xxhash xxhash.h xxhash)
yunjian_packaged_library(yunjian::xlsxwriter xlsxwriter.h xlsxwriter)
yunjian_packaged_library(yunjian::soci soci/soci.h soci_core soci_sqlite3)
yunjian_header_library(yunjian::expected tl/expected.hpp)
yunjian_header_library(yunjian::rapidjson rapidjson/document.h)
yunjian_header_library(yunjian::toml11 toml.hpp)
yunjian_header_library(yunjian::cli11 CLI/CLI.hpp)
yunjian_header_library(doctest doctest/doctest.h)

# Print: Pango and Cairo, which have pkg-config files only. Their -pthread is left out: it would
# keep the precompiled header from being used.
find_package(PkgConfig REQUIRED)
pkg_check_modules(YUNJIAN_PANGO REQUIRED pangocairo)
add_library(yunjian::pango INTERFACE IMPORTED GLOBAL)
set_target_properties(yunjian::pango PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${YUNJIAN_PANGO_INCLUDE_DIRS}"
  INTERFACE_LINK_LIBRARIES "${YUNJIAN_PANGO_LINK_LIBRARIES}")

# The journal and sd_notify: without libsystemd the target is empty and HAVE_SYSTEMD undefined.
add_library(yunjian::systemd INTERFACE IMPORTED GLOBAL)
find_path(YUNJIAN_SYSTEMD_INCLUDE systemd/sd-journal.h)
find_library(YUNJIAN_LIBRARY_SYSTEMD systemd)
if(YUNJIAN_SYSTEMD_INCLUDE AND YUNJIAN_LIBRARY_SYSTEMD)
  set_target_properties(yunjian::systemd PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${YUNJIAN_SYSTEMD_INCLUDE}"
    INTERFACE_LINK_LIBRARIES "${YUNJIAN_LIBRARY_SYSTEMD}"
    INTERFACE_COMPILE_DEFINITIONS HAVE_SYSTEMD=1)
endif()

# The tables of system calls: without libaudit the target is empty and HAVE_LIBAUDIT undefined.
add_library(yunjian::libaudit INTERFACE IMPORTED GLOBAL)
find_path(YUNJIAN_LIBAUDIT_INCLUDE libaudit.h)
find_library(YUNJIAN_LIBRARY_LIBAUDIT audit)
if(YUNJIAN_LIBAUDIT_INCLUDE AND YUNJIAN_LIBRARY_LIBAUDIT)
  set_target_properties(yunjian::libaudit PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${YUNJIAN_LIBAUDIT_INCLUDE}"
    INTERFACE_LINK_LIBRARIES "${YUNJIAN_LIBRARY_LIBAUDIT}"
    INTERFACE_COMPILE_DEFINITIONS HAVE_LIBAUDIT=1)
endif()
