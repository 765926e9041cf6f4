# Defines the static library `nanoarrow` (Arrow C data interface and IPC), from the pinned source
# distribution on PyPI. See docs/adr/0001-nanoarrow-from-its-source-distribution.md.
#
# MOLT_NANOARROW_DIR  a folder that already holds the archive: nothing is downloaded.
# MOLT_DEPS_DIR       where the archive and the bundled sources are kept; all presets share it.

set(MOLT_NANOARROW_VERSION 0.9.0)
set(MOLT_NANOARROW_SHA256 1ce15bbed8532839347faa78824c5dbd3769bff60661003e34c6fba5dd881bd3)

set(MOLT_NANOARROW_DIR "" CACHE PATH "Folder with nanoarrow's source archive, for offline builds")
set(MOLT_DEPS_DIR "${PROJECT_SOURCE_DIR}/build/_deps" CACHE PATH "Folder for fetched sources")

# Sets `out` to a Python that has pip: the build's own, the virtual environment's, the system's.
function(molt_find_pip out)
  foreach(python IN ITEMS "${Python_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/.venv/bin/python" python3)
    if(python)
      execute_process(COMMAND "${python}" -m pip --version
                      RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
      if(failed EQUAL 0)
        set(${out} "${python}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
  message(FATAL_ERROR "No Python with pip was found to fetch nanoarrow's sources. Run `make setup`, "
                      "or give -DMOLT_NANOARROW_DIR=<folder with nanoarrow-*.tar.gz>.")
endfunction()

function(molt_download_nanoarrow python folder)
  file(WRITE "${folder}/nanoarrow.txt"
       "nanoarrow==${MOLT_NANOARROW_VERSION} --hash=sha256:${MOLT_NANOARROW_SHA256}\n")
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${PROJECT_SOURCE_DIR}/cmake/nanoarrow_metadata"
            PYTHONDONTWRITEBYTECODE=1 "${python}" -m pip download --quiet --no-deps
            --no-binary :all: --no-build-isolation --require-hashes
            --dest "${folder}" --requirement "${folder}/nanoarrow.txt"
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Leaves include/ and src/ with single-file sources in `bundle`.
function(molt_bundle_nanoarrow python archive bundle)
  set(unpacked "${bundle}.unpacked")
  file(REMOVE_RECURSE "${unpacked}" "${bundle}.part")
  file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${unpacked}")
  set(subprojects "${unpacked}/nanoarrow-${MOLT_NANOARROW_VERSION}/subprojects")
  # The bundler expects flatcc where nanoarrow's own repository keeps it.
  file(GLOB flatcc "${subprojects}/flatcc-*")
  file(MAKE_DIRECTORY "${subprojects}/arrow-nanoarrow/thirdparty")
  file(CREATE_LINK "${flatcc}" "${subprojects}/arrow-nanoarrow/thirdparty/flatcc" SYMBOLIC)
  execute_process(
    COMMAND "${python}" "${subprojects}/arrow-nanoarrow/ci/scripts/bundle.py"
            --with-ipc --with-flatcc --output-dir "${bundle}.part"
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  file(RENAME "${bundle}.part" "${bundle}")
  file(REMOVE_RECURSE "${unpacked}")
endfunction()

function(molt_add_nanoarrow)
  set(bundle "${MOLT_DEPS_DIR}/nanoarrow-${MOLT_NANOARROW_VERSION}")
  file(MAKE_DIRECTORY "${MOLT_DEPS_DIR}")
  file(LOCK "${MOLT_DEPS_DIR}/nanoarrow.lock" GUARD FUNCTION)  # several presets may configure at once
  if(NOT EXISTS "${bundle}")
    molt_find_pip(python)
    set(folder "${MOLT_NANOARROW_DIR}")
    if(NOT folder)
      set(folder "${MOLT_DEPS_DIR}")
      message(STATUS "Fetching nanoarrow ${MOLT_NANOARROW_VERSION}")
      molt_download_nanoarrow("${python}" "${folder}")
    endif()
    set(archive "${folder}/nanoarrow-${MOLT_NANOARROW_VERSION}.tar.gz")
    file(SHA256 "${archive}" found)
    if(NOT found STREQUAL MOLT_NANOARROW_SHA256)
      message(FATAL_ERROR "${archive} is not the expected file: its sha256 is ${found}")
    endif()
    molt_bundle_nanoarrow("${python}" "${archive}" "${bundle}")
  endif()

  file(GLOB sources "${bundle}/src/*.c")
  add_library(nanoarrow STATIC ${sources})
  target_include_directories(nanoarrow SYSTEM PUBLIC "${bundle}/include")
  target_include_directories(nanoarrow SYSTEM PRIVATE "${bundle}/src")
  target_compile_options(nanoarrow PRIVATE -w)
endfunction()

molt_add_nanoarrow()
