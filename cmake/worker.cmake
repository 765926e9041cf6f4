# The program `molt-worker`. In a wheel it is installed among the environment's scripts; a checkout
# runs it from its build folder.
find_package(CLI11 2.1 REQUIRED)
find_package(tomlplusplus 3.0 REQUIRED)

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/apps/molt_worker/*.cc")
add_executable(molt-worker ${sources})
target_include_directories(molt-worker PRIVATE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(molt-worker PRIVATE MOLT_VERSION="${PROJECT_VERSION}")
target_link_libraries(molt-worker PRIVATE molt_worker molt_drivers molt_warnings CLI11::CLI11
                      tomlplusplus::tomlplusplus)
if(SKBUILD)
  install(TARGETS molt-worker RUNTIME DESTINATION "${SKBUILD_SCRIPTS_DIR}")
endif()
