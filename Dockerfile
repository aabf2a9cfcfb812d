# The studio on port 7860, as an ordinary user, with all that it keeps in /data: docs/deploying.md.
# For a GPU: docker build --build-arg TORCH_BACKEND=cu130 --tag blip2-studio .
FROM python:3.12-slim

# The number is the one that Spaces of Hugging Face run as.
RUN useradd --create-home --uid 1000 studio && install --directory --mode 700 --owner studio /data /backups
USER studio
WORKDIR /home/studio/app
ENV PATH=/home/studio/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_TEMP_DIR=/data/uploads \
    HF_HOME=/data/models \
    BLIP2_DATA=/data \
    BLIP2_USERS=/data/users.txt

# What is installed changes rarely, and so stands in a layer before the code. Tests of packages and
# headers of torch, which nothing here reads, are a tenth of it.
ARG TORCH_BACKEND=cpu
COPY --chown=studio .ci/install-torch .ci/
COPY --chown=studio requirements*.txt ./
RUN export PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    && python -m venv /home/studio/venv \
    && .ci/install-torch python \
    && pip install --quiet --no-deps --requirement requirements.txt \
    && pip uninstall --quiet --yes uv \
    && cd /home/studio/venv/lib/python3.*/site-packages \
    && rm -rf torch/test torch/include \
    && find . -type d -name tests -prune -exec rm -rf {} +

COPY --chown=studio . .
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=120s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + (os.environ.get('BLIP2_PORT') or os.environ['GRADIO_SERVER_PORT']) + '/healthz', timeout=5)"]
CMD ["python", "-m", "app"]
