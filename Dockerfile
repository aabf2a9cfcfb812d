FROM python:3.12-slim

RUN useradd --create-home --uid 1000 studio
USER studio
WORKDIR /home/studio/app
RUN python -m venv /home/studio/venv
ENV PATH=/home/studio/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    BLIP2_DATA=/home/studio/data \
    BLIP2_USERS=/home/studio/data/users.txt
RUN mkdir /home/studio/data
VOLUME /home/studio/data

# For a GPU: docker build --build-arg TORCH_BACKEND=cu130 .
ARG TORCH_BACKEND=cpu
COPY --chown=studio .ci/install-torch .ci/
COPY --chown=studio requirements*.txt ./
RUN .ci/install-torch python \
    && pip install --no-cache-dir --no-deps --requirement requirements.txt

COPY --chown=studio . .
EXPOSE 7860
HEALTHCHECK --start-period=120s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/healthz', timeout=5)"]
CMD ["python", "-m", "app"]
