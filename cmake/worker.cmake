# What `molt-worker` is, as a library: the program and the Python extension run the same code
# (docs/adr/0020). In a wheel the program is installed among the environment's scripts; a checkout
# runs it from its build folder.
find_package(CLI11 2.1 REQUIRED)
find_package(tomlplusplus 3.0 REQUIRED)  # its headers; its library would be loaded by `import molt_sql`

set(program "${PROJECT_SOURCE_DIR}/apps/molt_worker/main.cc")
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/apps/molt_worker/*.cc")
list(REMOVE_ITEM sources "${program}")
add_library(molt_app STATIC ${sources})
target_include_directories(molt_app PUBLIC "${PROJECT_SOURCE_DIR}")
target_compile_definitions(molt_app PRIVATE MOLT_VERSION="${PROJECT_VERSION}" TOML_HEADER_ONLY=1)
target_link_libraries(molt_app PUBLIC molt_worker molt_drivers
                               PRIVATE molt_warnings CLI11::CLI11)

add_executable(molt-worker "${program}")
target_link_libraries(molt-worker PRIVATE molt_app molt_warnings)
if(SKBUILD)
  install(TARGETS molt-worker RUNTIME DESTINATION "${SKBUILD_SCRIPTS_DIR}")
endif()
