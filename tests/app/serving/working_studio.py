"""Serves both apps in a process of its own, with work in the background, three images in a dataset,
and a large model that is downloaded and not loaded: `working_studio.py`. The models are fakes.
"""

from dataclasses import replace

LARGE = "blip2-opt-2.7b"
DATASET = "web"
IMAGES = range(3)


def main() -> None:
    from app.jobs import Jobs
    from app.serving import server
    from app.serving.logs import set_up_logging
    from app.workbench import model_picker
    from blip2core.curation import import_images
    from blip2core.storage.database import open_database
    from tests.fakes import FakeGenerator, FakeMatcher, FakeModels, fake_services
    from tests.resilience.studio import web_images

    FakeModels.has = lambda self, name: name != LARGE  # type: ignore[method-assign]
    model_picker.try_to_load_from_cache = lambda *_, **__: "there"  # type: ignore[attr-defined]
    services = fake_services(FakeGenerator(), FakeMatcher())
    set_up_logging(services.settings)
    database = open_database()
    list(import_images(database, dataset=DATASET, inputs=web_images(IMAGES)))
    jobs = Jobs(database, services.engine, services.settings)
    jobs.start()
    at = server.start_server(server.build_app(replace(services, database=database, jobs=jobs)))
    print(at.address, flush=True)
    at.thread.join()


if __name__ == "__main__":
    main()
