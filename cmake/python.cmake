# The one extension module `molt_sql._molt` and its stub, both generated from bindings/*.cc.

find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
execute_process(COMMAND "${Python_EXECUTABLE}" -m nanobind --cmake_dir
                OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
find_package(nanobind CONFIG REQUIRED)

file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bindings/*.cc")
if(NOT sources)
  message(STATUS "bindings/ has no source: the Python extension is left out")
  return()
endif()

# NOSTRIP: function names stay for profilers; a wheel is stripped when it is packed.
# NOMINSIZE: rows are made here, so it is compiled for speed like the rest.
nanobind_add_module(_molt NB_STATIC NOSTRIP NOMINSIZE NB_SUPPRESS_WARNINGS ${sources})
target_link_libraries(_molt PRIVATE molt_query molt_sql molt_engine molt_codec molt_drivers
                      molt_warnings)
set(exports "${PROJECT_SOURCE_DIR}/cmake/exports.map")
target_link_options(_molt PRIVATE "LINKER:--version-script=${exports}")
set_target_properties(_molt PROPERTIES LINK_DEPENDS "${exports}")
if(MOLT_WORKER)  # else `python -m molt_worker` says that it is not there
  target_link_libraries(_molt PRIVATE molt_app)
  target_compile_definitions(_molt PRIVATE MOLT_HAS_WORKER)
endif()

# A checkout runs what it built: the module lies beside its Python package. In a wheel it is
# installed there.
if(SKBUILD)
  set(package_dir "${PROJECT_BINARY_DIR}/molt_sql")
else()
  set(package_dir "${PROJECT_SOURCE_DIR}/python/molt_sql")
endif()
set_target_properties(_molt PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${package_dir}")

set(patterns "")
if(EXISTS "${PROJECT_SOURCE_DIR}/bindings/stub_patterns.txt")
  set(patterns PATTERN_FILE "${PROJECT_SOURCE_DIR}/bindings/stub_patterns.txt")
endif()
nanobind_add_stub(_molt_stub MODULE _molt INCLUDE_PRIVATE PYTHON_PATH "${package_dir}" DEPENDS _molt
                  OUTPUT "${package_dir}/_molt.pyi" ${patterns})

install(TARGETS _molt LIBRARY DESTINATION molt_sql)
install(FILES "${package_dir}/_molt.pyi" DESTINATION molt_sql)
