"""Writes what package picture is compared with, made by Pillow 9.4 of drawn pictures: python3 pillow.py, in this folder."""
import base64
import io
import json
import random

from PIL import Image, ImageEnhance

random.seed(1)


def noise(width, height):
    colours = [(random.randrange(256), x * 37 % 256 if x // 3 % 2 else 255, random.choice((0, 255)))
               for _ in range(height) for x in range(width)]
    picture = Image.new("RGB", (width, height))
    picture.putdata(colours)
    return picture


def slope(mode, step, width=32, height=24):
    picture = Image.new(mode, (width, height))
    picture.putdata([(x * step, y * step, 255 - x * step // 2 - y * step // 2, x + y)[:len(mode)]
                     for y in range(height) for x in range(width)])
    return picture


def text(picture):
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def resized():
    for width, height, box, size in [
            (40, 30, (0, 0, 40, 30), (16, 12)), (37, 23, (0, 0, 37, 23), (16, 16)), (10, 7, (0, 0, 10, 7), (32, 32)),
            (60, 3, (0, 0, 60, 3), (7, 9)), (33, 40, (5, 7, 30, 29), (8, 16)), (1, 9, (0, 0, 1, 9), (4, 4)),
            (9, 9, (0, 0, 9, 9), (9, 9))]:
        picture = noise(width, height)
        want = picture.crop(box).resize(size, Image.BILINEAR)
        yield dict(picture=text(picture), box=box, width=size[0], height=size[1], want=text(want))


def centred():
    for width, height, short, side in [(40, 30, 9, 8), (23, 37, 16, 16), (17, 5, 32, 28), (20, 20, 11, 8)]:
        picture = noise(width, height)
        size = (short, int(short * height / width)) if width < height else (int(short * width / height), short)
        left, top = (int(round((n - side) / 2.0)) for n in size)
        want = picture.resize(size, Image.BILINEAR).crop((left, top, left + side, top + side))
        yield dict(picture=text(picture), short=short, side=side, want=text(want))


def coloured():
    picture = noise(16, 12)
    for change, enhance in [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast),
                            ("saturation", ImageEnhance.Color)]:
        for factor in (0.6, 0.93, 1.0, 1.4):
            yield dict(picture=text(picture), change=change, factor=factor, want=text(enhance(picture).enhance(factor)))


def write(name, picture, **options):
    picture.save(name, **options)
    Image.open(name).convert("RGB").save(name + ".want.png", optimize=True)


with open("pillow.json", "w") as out:
    json.dump(dict(resize=list(resized()), centre=list(centred()), colours=list(coloured())), out, indent=0)
steep, flat = slope("RGB", 8), slope("RGB", 1)
transparent = flat.copy()
transparent.putalpha(Image.linear_gradient("L").resize(flat.size))
full = dict(quality=95, subsampling=0)
write("colour.jpg", steep, **full)
write("progressive.jpg", steep, progressive=True, **full)
for ratio in ("4:2:0", "4:2:2"):
    write("colour-%s.jpg" % ratio.replace(":", ""), slope("RGB", 8, 31, 23), quality=95, subsampling=ratio)
write("grey.jpg", steep.convert("L"), quality=95)
write("cmyk.jpg", slope("CMYK", 8), **full)
write("colour.png", steep)
write("mislabelled.JPEG", steep, format="PNG")
write("palette.png", steep.quantize(16))
write("grey.png", steep.convert("L"))
write("bits.png", steep.convert("1"))
write("transparent.png", transparent)
write("lossless.webp", steep, lossless=True)
write("lossy.webp", steep, quality=95)
write("transparent.webp", transparent, quality=95)
write("colour.bmp", steep)
write("palette.bmp", steep.quantize(16))
write("grey.bmp", steep.convert("L"))
